import { z } from 'zod';
import { contract, type MethodSpec, notification } from './contract.ts';
import { errorSchema, RPC_ERRORS } from './errors.ts';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  readonly [key: string]: unknown;
}

function schemaOf(type: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' });
  return schema;
}

/** Codes that every method may answer. */
const COMMON = ['rpc/invalid', 'rpc/limited', 'rpc/failed'] as const;

/** The OpenRPC 1.3 document of the public API, made from the contract. */
export function openRpc(version: string): Record<string, unknown> {
  const specs: Readonly<Record<string, MethodSpec>> = contract;
  return {
    openrpc: '1.3.2',
    info: { title: 'Quorate', version, license: { name: 'Apache-2.0' } },
    methods: Object.entries(specs).map(([name, spec]) => {
      const params = schemaOf(spec.params, 'input');
      const required = new Set(params.required ?? []);
      return {
        name,
        description: spec.over === 'websocket' ? `${spec.description} WebSocket only.` : spec.description,
        paramStructure: 'by-name',
        params: Object.entries(params.properties ?? {}).map(([key, schema]) => ({
          name: key,
          required: required.has(key),
          schema,
        })),
        result: { name: 'result', schema: schemaOf(spec.result, 'output') },
        errors: [...COMMON, ...spec.errors].map((code) => ({ code: RPC_ERRORS[code], message: code })),
      };
    }),
    components: { schemas: { Notification: schemaOf(notification, 'output'), Error: schemaOf(errorSchema, 'output') } },
  };
}
