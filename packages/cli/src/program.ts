import { EXIT } from '@quorate/node';
import { Command, CommanderError } from 'commander';
import { blockCommand, queryCommand, statusCommand, validatorsCommand } from './commands/ask.ts';
import { devnetCommand } from './commands/devnet.ts';
import { doctorCommand } from './commands/doctor.ts';
import { evidenceCommand } from './commands/evidence.ts';
import { keysCommand } from './commands/keys.ts';
import { loadCommand } from './commands/load.ts';
import { simCommand } from './commands/sim/sim.ts';
import { snapshotCommand } from './commands/snapshot.ts';
import { startCommand } from './commands/start.ts';
import { testnetCommand } from './commands/testnet.ts';
import { txCommand } from './commands/tx.ts';
import { accountCommand, verifyCommand } from './commands/verify.ts';
import { complaintOf, exitCodeFor, helpPointer } from './output.ts';
import { VERSION } from './version.ts';

function program(): Command {
  return new Command('quorate')
    .description('run, prove and watch a replicated state machine')
    .version(VERSION)
    .addCommand(devnetCommand())
    .addCommand(testnetCommand())
    .addCommand(startCommand())
    .addCommand(keysCommand())
    .addCommand(txCommand())
    .addCommand(statusCommand())
    .addCommand(accountCommand())
    .addCommand(verifyCommand())
    .addCommand(validatorsCommand())
    .addCommand(evidenceCommand())
    .addCommand(blockCommand())
    .addCommand(queryCommand())
    .addCommand(loadCommand())
    .addCommand(snapshotCommand())
    .addCommand(doctorCommand())
    .addCommand(simCommand());
}

/** `quorate tx send`: how a command is called. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/** A command that was added does not inherit how its parent answers what was typed wrong. */
function answersInWords(command: Command, write: (text: string) => void): void {
  command
    .exitOverride()
    .showHelpAfterError(helpPointer(nameOf(command)))
    .configureOutput({
      writeErr: write,
      outputError: (text, say) => say(text.replace(/^error: /, 'quorate: ')),
    });
  for (const inner of command.commands) answersInWords(inner, write);
}

/**
 * Runs the command of `args`. Null when it ended by itself, with the exit code that it set; otherwise the code to end with, and
 * what was wrong has been written. Input that nobody could act on gives 78, whoever found out.
 */
export async function run(args: readonly string[], write: (text: string) => void): Promise<number | null> {
  const quorate = program();
  let running = quorate;
  quorate.hook('preAction', (_command, action) => {
    running = action;
  });
  answersInWords(quorate, write);
  try {
    await quorate.parseAsync(args, { from: 'user' });
    return null;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.config;
    write(complaintOf(error, nameOf(running)));
    return exitCodeFor(error);
  }
}
