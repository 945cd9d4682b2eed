// Flags of the scripts in this folder: what is wrong gets one line, and --help prints the comment at the head of the script.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** A flag as a whole number of 1 or more. Ends the process for anything else. */
export function wholeNumber(name, text) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  console.error(`--${name} is ${text}: a whole number of 1 or more is needed`);
  return process.exit(2);
}

/** The values of the flags of `script` (a file URL). Ends the process for --help and for flags that it does not know. */
export function flagsOf(script, options) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h', default: false } } });
    if (!values.help) return values;
  } catch (error) {
    console.error(`${error.message.split(/[.\n]/)[0]}: --help lists the flags`);
    process.exit(2);
  }
  const lines = readFileSync(new URL(script), 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  for (const line of lines.slice(0, end)) console.log(line.replace(/^\/\/ ?/, ''));
  process.exit(0);
}
