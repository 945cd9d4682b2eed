/*
 * Great circles with + − × ÷ √ alone: these are exact to the last bit on every machine, which sines and logarithms are not, and
 * what decides when a message arrives must not depend on the machine.
 */

/** A point of the unit sphere. */
export type Point = readonly [number, number, number];

const EARTH_KM = 6371.0088;
const RADIAN = 0.017453292519943295;

/** Sine and cosine of an angle in degrees up to 180, by their series. */
function turn(degrees: number): readonly [number, number] {
  // A quarter of the angle keeps the series short; doubling twice gives the angle back.
  const x = (degrees * RADIAN) / 4;
  const square = x * x;
  let [sine, cosine] = [0, 0];
  for (let term = 12; term > 0; term--) {
    sine = 1 - (square / (2 * term * (2 * term + 1))) * (term === 12 ? 1 : sine);
    cosine = 1 - (square / ((2 * term - 1) * (2 * term))) * (term === 12 ? 1 : cosine);
  }
  sine *= x;
  for (let doubling = 0; doubling < 2; doubling++) {
    [sine, cosine] = [2 * sine * cosine, 1 - 2 * sine * sine];
  }
  return [sine, cosine];
}

/** A place given in degrees north and east. */
export function place(north: number, east: number): Point {
  const [sinNorth, cosNorth] = turn(north);
  const [sinEast, cosEast] = turn(east);
  return [cosNorth * cosEast, cosNorth * sinEast, sinNorth];
}

/** The way between two points along a great circle, in km: Archimedes halves the arc until it is its chord. */
export function greatCircle(a: Point, b: Point): number {
  const [x, y, z] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  let square = x * x + y * y + z * z;
  let chords = 1;
  for (let halving = 0; halving < 24; halving++) {
    square = square / (2 + Math.sqrt(Math.max(0, 4 - square)));
    chords *= 2;
  }
  return EARTH_KM * chords * Math.sqrt(square);
}
