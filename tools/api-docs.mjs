// Writes docs/api.md from the contract of the public API. With --check it only says whether the page is up to date.
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HEAD = `# The public API

Written by \`node tools/api-docs.mjs\` from \`packages/client/src/contract.ts\`. Do not edit.

JSON-RPC 2.0 with parameters by name, over \`POST /\` (\`content-type: application/json\`) and over WebSocket on \`/\`. A batch holds at most
{calls} calls. Digests and keys are lower-case hexadecimal, bulk bytes base64, token amounts decimal strings, times Unix
milliseconds. \`rpc.discover\` and \`GET /openrpc.json\` answer this page as an OpenRPC document.

\`\`\`
curl -s http://127.0.0.1:26601 -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"status"}'
\`\`\`

| beside JSON-RPC | |
| --- | --- |
| \`POST /tx\` | Transactions in binary (\`application/octet-stream\`): each behind its length, u32 little-endian. Query: \`wait=accepted\\|final\`, \`timeoutMs\`. Answers \`{"results":[…]}\` as \`submitBatch\` does. |
| \`GET /health\` | The process lives. |
| \`GET /ready\` | 200 when this node can be relied on, else 503; \`reasons\` says why: no peer connected, no block final for max(10 Δ, 10 s), syncing, no peer proves the checkpoint, execution lag, silent, halted. |
| \`GET /metrics\` | Prometheus metrics, \`quorate_*\`. |
| \`GET /openrpc.json\` | The OpenRPC document. |

A local socket (\`admin.sock\` in the home folder, mode 0600) answers the admin methods \`status\`, \`peers\`, \`logLevel {level?}\`,
\`diskUsage\`, \`snapshot\` and \`stop\`, as JSON-RPC over HTTP.
`;

const EXAMPLE = `A subscription from a script in the checkout, on any Node that runs it (Node 20 has no WebSocket of its own):

\`\`\`js
import WebSocket from 'ws';

const socket = new WebSocket('ws://127.0.0.1:26601');
const call = { jsonrpc: '2.0', id: 1, method: 'subscribe', params: { kind: 'blocks' } };
socket.on('open', () => socket.send(JSON.stringify(call)));
socket.on('message', (text) => {
  const { error, method, params } = JSON.parse(text);
  if (error !== undefined) throw new Error(error.message);
  if (method === 'subscription') console.log(params.kind, params.height ?? params.message);
});
\`\`\`
`;

/** The page, from the exports of the client package. */
export function render({ contract, notification, openRpc, MAX_BATCH_CALLS, PROTOCOL_ERRORS, RPC_ERRORS }) {
  const { methods, components } = openRpc('');
  const parts = [HEAD.replace('{calls}', String(MAX_BATCH_CALLS))];
  parts.push(
    `## Methods\n\n${methods.map(({ name }) => `[${name}](#${name.toLowerCase().replace('.', '')})`).join(' · ')}\n`,
  );
  for (const { name, description, params, result, errors } of methods) {
    parts.push(`### ${name}\n\n${description}\n`);
    if (params.length > 0) {
      const rows = params.map(({ name: param, required, schema }) =>
        row([`\`${param}\`${required ? '' : ' (optional)'}`, typeOf(schema), notes(schema)]),
      );
      parts.push(`| parameter | type | |\n| --- | --- | --- |\n${rows.join('\n')}\n`);
    }
    if (name !== 'rpc.discover') parts.push(`Result:\n\n\`\`\`\n${shapeOf(result.schema, '')}\n\`\`\`\n`);
    const own = errors.filter(({ message }) => contract[name].errors.includes(message));
    if (own.length > 0)
      parts.push(`Errors: ${own.map(({ code, message }) => `\`${message}\` (${code})`).join(', ')}.\n`);
  }
  parts.push(
    `## Notifications\n\nOver WebSocket, method \`subscription\`, parameters:\n\n\`\`\`\n${shapeOf(components.schemas.Notification, '')}\n\`\`\`\n`,
  );
  parts.push(
    'A subscription that ends by itself says so with `kind: "ended"`: a reader that is too slow (`subscription/slow`) subscribes again\nfrom the height `from` and misses nothing.\n',
  );
  parts.push(EXAMPLE);
  const rows = [
    ...Object.entries(PROTOCOL_ERRORS).map(([kind, code]) => row([String(code), '`rpc/invalid`', `JSON-RPC: ${kind}`])),
    ...Object.entries(RPC_ERRORS).map(([code, number]) => row([String(number), `\`${code}\``, ''])),
  ];
  parts.push(
    `## Errors\n\n\`error.data.code\` is the stable name. Every method may answer \`rpc/invalid\`, \`rpc/limited\` and \`rpc/failed\`.\n\n| number | code | |\n| --- | --- | --- |\n${rows.join('\n')}\n`,
  );
  if (notification === undefined) throw new TypeError('the contract has no notification');
  return parts.join('\n');
}

function row(cells) {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** A schema in a few words. */
function typeOf(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.map(typeOf).join(' | ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.contentEncoding === 'base64') return 'base64';
  if (schema.type === 'string' && schema.pattern) return patternName(schema.pattern);
  return schema.type ?? 'any';
}

function patternName(pattern) {
  if (pattern.includes('{64}')) return 'digest';
  if (pattern.includes('{72}')) return 'address';
  if (pattern.includes('{2})*')) return 'hex';
  return 'amount';
}

function notes(schema) {
  const words = [];
  if (schema.description) words.push(schema.description);
  if (schema.default !== undefined) words.push(`Default ${JSON.stringify(schema.default)}.`);
  if (schema.maxItems) words.push(`At most ${schema.maxItems}.`);
  if (schema.type === 'object' && schema.properties) {
    const fields = Object.entries(schema.properties).map(
      ([name, field]) => `\`${name}\` ${typeOf(field)} (${field.description ?? ''})`,
    );
    words.push(`Fields: ${fields.join('; ')}`);
  }
  return words.join(' ');
}

/** A schema as an outline, one field a line. */
function shapeOf(schema, indent) {
  const options = schema.anyOf ?? schema.oneOf;
  if (options?.some(({ properties }) => properties)) {
    return options.map((option) => shapeOf(option, indent)).join(`\n${indent}or\n${indent}`);
  }
  if (schema.type === 'array' && (schema.items?.properties || schema.items?.oneOf))
    return `list of ${shapeOf(schema.items, indent)}`;
  if (schema.type !== 'object' || !schema.properties) return typeOf(schema);
  const inner = `${indent}  `;
  const fields = Object.entries(schema.properties).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? '' : '?';
    const what = shapeOf(field, inner);
    const note = field.description && !what.includes('\n') ? `  // ${field.description}` : '';
    return `${inner}${name}${optional}: ${what}${note}`;
  });
  return `{\n${fields.join('\n')}\n${indent}}`;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const page = render(await import('../packages/client/dist/index.js'));
  const file = fileURLToPath(new URL('../docs/api.md', import.meta.url));
  if (process.argv.includes('--check')) {
    process.exitCode = readFileSync(file, 'utf8') === page ? 0 : 1;
    if (process.exitCode === 1) console.log('docs/api.md is out of date: run node tools/api-docs.mjs');
  } else {
    writeFileSync(file, page);
    console.log(`wrote ${file}`);
  }
}
