import { expect, it, vi } from 'vitest';
import { newPassphrase } from './secrets.ts';

it('asks a person twice for a new passphrase, and makes nothing of two that differ', async () => {
  vi.stubEnv('QUORATE_PASSPHRASE', undefined);
  const typed = (...answers: string[]) => vi.fn(async () => answers.shift() ?? '');
  const same = typed('one', 'one');
  expect(await newPassphrase('Passphrase', undefined, same)).toBe('one');
  expect(same).toHaveBeenCalledTimes(2);
  const differ = newPassphrase('Passphrase', undefined, typed('one', 'two'));
  await expect(differ).rejects.toMatchObject({ code: 'key/invalid', message: expect.stringMatching(/differ/) });
  await expect(newPassphrase('Passphrase', undefined, typed(''))).rejects.toMatchObject({ code: 'key/invalid' });
  vi.unstubAllEnvs();
});
