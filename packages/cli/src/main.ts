import { Command } from 'commander';
import { blockCommand, queryCommand, statusCommand, validatorsCommand } from './commands/ask.ts';
import { devnetCommand } from './commands/devnet.ts';
import { doctorCommand } from './commands/doctor.ts';
import { evidenceCommand } from './commands/evidence.ts';
import { keysCommand } from './commands/keys.ts';
import { loadCommand } from './commands/load.ts';
import { snapshotCommand } from './commands/snapshot.ts';
import { startCommand } from './commands/start.ts';
import { testnetCommand } from './commands/testnet.ts';
import { txCommand } from './commands/tx.ts';
import { accountCommand, verifyCommand } from './commands/verify.ts';
import { fail } from './output.ts';
import { VERSION } from './version.ts';

const program = new Command('quorate')
  .description('run, prove and watch a replicated state machine')
  .version(VERSION)
  .showHelpAfterError('(--help shows what there is)')
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
  .addCommand(doctorCommand());

program.parseAsync().catch(fail);
