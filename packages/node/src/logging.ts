import type { Log, LogLevel } from '@quorate/replica';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { NodeConfig } from './settings.ts';

/** Names of fields that are never written, at any depth that we use. */
const SECRETS = ['passphrase', 'secret', 'secretKey', 'privateKey', 'seed', 'password', 'token', 'authorization'];

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface Logging {
  readonly log: Log;
  /** Sets the least important level that is written, when one is given; returns the one in force. */
  level(wanted?: LogLevel): LogLevel;
  /** Writes what is buffered. */
  flush(): void;
}

/** Structured log lines: one JSON object each, or short readable ones on a terminal. Secrets are blanked by name. */
export function createLogging(
  options: NodeConfig['log'],
  to: DestinationStream = pino.destination({ dest: 1, sync: true }),
  isTerminal: boolean = process.stdout.isTTY === true,
): Logging {
  const pretty = options.format === 'pretty' || (options.format === 'auto' && isTerminal);
  const logger: Logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
      serializers: { error: pino.stdSerializers.err },
    },
    pretty ? { write: (line: string) => to.write(readable(line)) } : to,
  );
  return {
    log: (level, message, fields = {}) => logger[level](fields, message),
    level: (wanted) => {
      if (wanted !== undefined) logger.level = wanted;
      return LEVELS.find((level) => level === logger.level) ?? options.level;
    },
    flush: () => logger.flush(),
  };
}

/** `12:34:56.789 info  message  key=value …` */
function readable(line: string): string {
  const { level, time, msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const shown = Object.entries(fields).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${key}=${/^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 8)}…` : text}`;
  });
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${[String(msg), ...shown].join('  ')}\n`;
}
