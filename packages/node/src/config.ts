import { QuorateError } from '@quorate/kernel';
import { z } from 'zod';
import { complaintsOf } from './issue-text.ts';
import { type NodeConfig, settings } from './settings.ts';

/** Where settings come from; later ones win: defaults, file, environment, flags. */
export interface ConfigSources {
  /** The parsed configuration file, and its name for errors. */
  readonly file?: { readonly name: string; readonly value: unknown } | null;
  /** Variables such as `QUORATE_P2P_LISTEN`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Flags by name without dashes, such as `p2p-listen`; `true` for a flag without a value. Unknown names are refused. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
}

/** One setting, as the documentation and `--help` show it. */
export interface SettingInfo {
  /** As in the file: `p2p.listen`. */
  readonly key: string;
  readonly environment: string;
  readonly flag: string;
  readonly type: string;
  readonly fallback: unknown;
  readonly description: string;
}

const PREFIX = 'QUORATE_';
/** Variables of ours that are not settings. */
const OTHER_VARIABLES = new Set(['QUORATE_PASSPHRASE', 'QUORATE_HOME', 'QUORATE_URL']);

interface Leaf {
  readonly key: string;
  readonly schema: z.ZodType;
}

function leavesOf(schema: z.ZodObject, prefix = ''): Leaf[] {
  return Object.entries(schema.shape).flatMap(([name, inner]): Leaf[] =>
    inner instanceof z.ZodObject
      ? leavesOf(inner, `${prefix}${name}.`)
      : inner instanceof z.ZodType
        ? [{ key: `${prefix}${name}`, schema: inner }]
        : [],
  );
}

const words = (key: string): string =>
  key
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll('.', ' ')
    .toLowerCase();
const variableOf = (key: string): string => `${PREFIX}${words(key).replaceAll(' ', '_').toUpperCase()}`;
const flagOf = (key: string): string => words(key).replaceAll(' ', '-');

/** The type below defaults and nullability. */
function coreOf(schema: z.ZodType): z.ZodType {
  let core: unknown = schema;
  while (core instanceof z.ZodDefault || core instanceof z.ZodNullable) core = core.unwrap();
  return core instanceof z.ZodType ? core : schema;
}

function typeOf(schema: z.ZodType): string {
  const core = coreOf(schema);
  if (core instanceof z.ZodEnum) return core.options.join(' | ');
  if (core instanceof z.ZodArray) return 'list, comma-separated';
  if (core instanceof z.ZodNumber) return 'number';
  return core instanceof z.ZodBoolean ? 'true | false' : 'text';
}

/** The value that a text stands for; the text itself where it stands for none, for the schema to refuse. */
function fromText(schema: z.ZodType, text: string): unknown {
  const core = coreOf(schema);
  if (core instanceof z.ZodNumber) return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (core instanceof z.ZodBoolean) return text === 'true' ? true : text === 'false' ? false : text;
  if (core instanceof z.ZodArray) return text === '' ? [] : text.split(',').map((part) => part.trim());
  return text === '' && schema.safeParse(null).success ? null : text;
}

/**
 * Puts the sources together. Throws `config/invalid` with every setting that is wrong and the source it came from.
 * `unknown` lists variables that begin with QUORATE_ and mean nothing: misspelt, most likely.
 */
export function loadConfig(sources: ConfigSources): {
  readonly config: NodeConfig;
  readonly unknown: readonly string[];
} {
  const leaves = leavesOf(settings);
  const origin = new Map<string, string>();
  const { file = null, environment = {}, flags = {} } = sources;
  const fileName = file?.name ?? 'config.json';
  const merged: Record<string, unknown> = isRecord(file?.value) ? structuredClone(file.value) : {};
  if (file !== null && !isRecord(file.value)) throw invalid([`${fileName}: must be a JSON object`]);
  for (const section of Object.keys(settings.shape)) {
    // A section that the file leaves out still has its defaults.
    if (
      merged[section] === undefined &&
      settings.shape[section as keyof typeof settings.shape] instanceof z.ZodObject
    ) {
      merged[section] = {};
    }
  }
  const problems: string[] = [];
  for (const { key, schema } of leaves) {
    const variable = variableOf(key);
    const fromEnvironment = environment[variable];
    if (fromEnvironment !== undefined) {
      put(merged, key, fromText(schema, fromEnvironment));
      origin.set(key, `environment variable ${variable}`);
    }
    const flag = flags[flagOf(key)];
    if (flag !== undefined) {
      put(merged, key, typeof flag === 'boolean' ? flag : fromText(schema, flag));
      origin.set(key, `flag --${flagOf(key)}`);
    }
  }
  const known = new Set(leaves.map(({ key }) => flagOf(key)));
  for (const name of Object.keys(flags)) if (!known.has(name)) problems.push(`--${name}: there is no such flag`);
  const parsed = settings.safeParse(merged);
  if (parsed.success && problems.length === 0) {
    const variables = new Set([...leaves.map(({ key }) => variableOf(key)), ...OTHER_VARIABLES]);
    const unknown = Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !variables.has(name));
    return { config: parsed.data, unknown };
  }
  for (const { path, problem } of complaintsOf(parsed.error?.issues ?? [], merged, 'setting')) {
    const shown = path.join('.');
    const key = leaves.find((leaf) => shown === leaf.key || shown.startsWith(`${leaf.key}.`))?.key ?? shown;
    problems.push(`${shown} (${origin.get(key) ?? fileName}): ${problem}`);
  }
  throw invalid(problems);
}

/** Every setting with its names, type, default and description. */
export function describeConfig(): SettingInfo[] {
  const defaults = loadConfig({}).config;
  return leavesOf(settings).map(({ key, schema }) => ({
    key,
    environment: variableOf(key),
    flag: `--${flagOf(key)}`,
    type: typeOf(schema),
    fallback: key.split('.').reduce<unknown>((value, part) => (isRecord(value) ? value[part] : undefined), defaults),
    description: schema.description ?? '',
  }));
}

/** {@link describeConfig} as a Markdown table. */
export function configTable(): string {
  const rows = describeConfig().map(({ key, environment, flag, type, fallback, description }) => {
    const shown = fallback === null || fallback === '' ? '' : `\`${JSON.stringify(fallback)}\``;
    return `| \`${key}\` | \`${environment}\` | \`${flag}\` | ${type.replaceAll('|', '\\|')} | ${shown} | ${description} |`;
  });
  return [
    '| key | variable | flag | type | default | meaning |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function invalid(problems: readonly string[]): QuorateError {
  return new QuorateError('config/invalid', `configuration: ${problems.join('; ')}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function put(into: Record<string, unknown>, key: string, value: unknown): void {
  const [head = key, ...rest] = key.split('.');
  if (rest.length === 0) {
    into[head] = value;
    return;
  }
  const inner = into[head];
  const section = isRecord(inner) ? inner : {};
  into[head] = section;
  put(section, rest.join('.'), value);
}
