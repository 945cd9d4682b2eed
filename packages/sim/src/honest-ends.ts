import { type ErrorCode, isQuorateError } from '@quorate/kernel';
import type { Damage } from './atlas.ts';

/** What a disk may say of itself while it fails or is full. */
const FAILING: Readonly<Record<string, readonly ErrorCode[]>> = {
  fail: ['disk/failed'],
  full: ['disk/full', 'store/full'],
};

/**
 * Damage by the place that it hit, first match first. A replica that meets it stops with one of these; what it must never do is
 * go on and serve a wrong value. The application's store has no checksums of its own in every application, so its damage may
 * also show as state that does not decode or whose root differs from the certified one.
 */
const BY_PLACE: readonly (readonly [prefix: string, codes: readonly ErrorCode[]])[] = [
  ['journal/', ['journal/corrupt', 'journal/version', 'disk/corrupt']],
  ['gate/', ['gate/corrupt', 'gate/missing', 'gate/foreign-key', 'gate/duplicate-key', 'disk/corrupt']],
  ['blocks', ['store/corrupt', 'store/version', 'genesis/mismatch']],
  ['evidence', ['store/corrupt', 'store/version']],
  [
    'application',
    [
      'application/failed',
      'application/diverged',
      'store/corrupt',
      'codec/truncated',
      'codec/trailing',
      'codec/limit',
      'codec/invalid',
    ],
  ],
];

/**
 * Whether a replica may end like this after such damage: with a typed error that names what the disk did to it. Without damage
 * no end is honest, and an error without a type never is. `damages`: what {@link Atlas.damagesOf} says of the machine, and `fail`
 * or `full` of any place for a disk that failed or filled up.
 */
export function failureIsHonest(error: unknown, damages: readonly Damage[]): boolean {
  if (!isQuorateError(error)) return false;
  const { code } = error;
  return damages.some(({ place, kind }) => codesFor(place, kind).includes(code));
}

/** The codes with which a replica may end after one damage. */
export function codesFor(place: string, kind: string): readonly ErrorCode[] {
  const failing = FAILING[kind];
  if (failing !== undefined) return failing;
  // Whoever loses or takes back everything may stumble over any part of it.
  return BY_PLACE.flatMap(([prefix, codes]) => (place.startsWith(prefix) || prefix.startsWith(place) ? codes : []));
}

/** What an operator who follows the manual takes away after a node stopped with this error, by the beginning of the names; `null`: nothing helps but asking. */
export function remedyFor(error: unknown): readonly string[] | null {
  if (!isQuorateError(error)) return null;
  switch (error.code) {
    case 'disk/failed':
    case 'disk/full':
    case 'store/full':
      return [];
    case 'journal/corrupt':
      return ['journal/'];
    case 'store/corrupt':
    case 'application/failed':
    case 'application/diverged':
      return ['journal/', 'blocks', 'evidence', 'application'];
    case 'gate/corrupt':
      return ['gate/'];
    default:
      return error.code.startsWith('codec/') ? ['journal/', 'blocks', 'evidence', 'application'] : null;
  }
}
