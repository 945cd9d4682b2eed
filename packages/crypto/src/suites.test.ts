import { describe, expect, it } from 'vitest';
import { createPureSuites, SuiteRegistry } from './suites.ts';

describe('SuiteRegistry', () => {
  it('hands out suites by name, the last one registered, and says what is missing', () => {
    const registry = createPureSuites();
    expect(registry.names()).toEqual(['bls12-381', 'ed25519']);
    const replacement = { ...registry.get('ed25519') };
    registry.register(replacement);
    expect(registry.get('ed25519')).toBe(replacement);
    expect(registry.has('simulated')).toBe(false);
    expect(() => new SuiteRegistry().get('ed25519')).toThrowError(expect.objectContaining({ code: 'suite/unknown' }));
  });
});
