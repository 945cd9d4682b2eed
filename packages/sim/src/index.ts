export { Atlas, type AtlasOptions, type Damage } from './atlas.ts';
export { type Barrier, groups, isolated, majorities, oneWay, ring, Sluices, type Way } from './barrier.ts';
export { Boundaries, type Counted, type Side } from './boundaries.ts';
export { type ForkOutcome, type ForkReport, forkSeed, lightestCoalition } from './byzantine/fork.ts';
export { strategyNames } from './byzantine/strategies.ts';
export type { Wire } from './carrier.ts';
export { Checkers, Violation } from './checkers/checkers.ts';
export type { ClockOptions } from './clock.ts';
export { SimulatedClock } from './clock.ts';
export type { ClusterOptions, Guise, Member, Running } from './cluster/member.ts';
export { Cluster, codeOf } from './cluster.ts';
export { type Choice, type Decision, Decisions } from './decisions.ts';
export type { DiskFaults, Guard } from './disk/faults.ts';
export type { Backup, DiskCrash, DiskLatency, DiskOptions } from './disk/options.ts';
export { SimulatedDisk } from './disk.ts';
export { followLeader, healGradually, type Scene, swizzle } from './disturbance.ts';
export { guarded, Nondeterminism } from './guards.ts';
export { codesFor, failureIsHonest, remedyFor } from './honest-ends.ts';
export { Incarnation } from './incarnation.ts';
export { BELONGINGS, inflict, type Patient } from './inflict.ts';
export { type BoundOptions, physicalBound } from './light/bound.ts';
export { type Committee, committeeOf, equalCommittee } from './light/committee.ts';
export type { LightFaults } from './light/faults.ts';
export { type LatencyOptions, type LatencyReport, latency, type Percentiles } from './light/latency.ts';
export { LightNetwork } from './light/network.ts';
export type { Delays, LightOptions, Route } from './light/options.ts';
export type { Attack, AttackPort, LightProtocol, MessageShape, Schedule } from './light/protocol.ts';
export { type LightOutcome, runLightSeed } from './light/seed.ts';
export type { LightFamily, LightSeedOptions } from './light/seed-configuration.ts';
export {
  isLightTrace,
  type LightReplay,
  lightRegressionTest,
  readLightTrace,
  replayLight,
  writeLightTrace,
} from './light/seed-trace.ts';
export { lightSimplex } from './light/simplex.ts';
export type { LinkOptions } from './link.ts';
export { type Boot, type BoundaryCrash, Machine, type MachineOptions, type Program } from './machine.ts';
export { checkModel, type ModelOptions, type ModelProgress, type ModelReport } from './model/index.ts';
export { type NetworkOptions, SimulatedNetwork, type Stabilisation } from './network.ts';
export type { Tear } from './platter.ts';
export { CalendarQueue } from './queue/calendar.ts';
export { HeapQueue } from './queue/heap.ts';
export type { EventHandle, EventQueue } from './queue/queue.ts';
export { Draws, Stream } from './random.ts';
export { loadRegions, parseRegions } from './regions/load.ts';
export { assignRegions, builtInRegions, Regions, regionPaths } from './regions/regions.ts';
export { type Entry, Register, type RegisterOptions, registerTransaction } from './register.ts';
export { simulatedSuite } from './suite.ts';
export { type Campaign, type CampaignOptions, campaignFault, runCampaign } from './swarm/campaign.ts';
export { coverageTable } from './swarm/coverage-table.ts';
export { FAULT_FAMILIES, type FaultFamily, isFailure, type Outcome, type SeedOptions } from './swarm/outcome.ts';
export { type PoolOptions, runSeeds } from './swarm/pool.ts';
export { runSeed } from './swarm/run-seed.ts';
export { readSeedBook } from './swarm/seed-book.ts';
export {
  optionsOf,
  readTrace,
  type Trace,
  type TraceConfiguration,
  type TraceHeader,
  traceOf,
  writeTrace,
} from './trace/format.ts';
export { type RegressionOptions, regressionTest, type SeedBookEntry, seedBookEntry } from './trace/regression.ts';
export {
  type ObservedRun,
  type Replay,
  replay,
  sightingLines,
  type TranscriptOptions,
  transcript,
} from './trace/replay.ts';
export {
  type Failing,
  failureClass,
  type Shrinkable,
  type ShrinkOptions,
  type ShrinkParts,
  type Shrunk,
  shrink,
} from './trace/shrink.ts';
export type { Sighting, SightingKind } from './trace/sighting.ts';
export { runTwins, type TwinsOptions, type TwinsReport } from './twins/campaign.ts';
export { TwinsExecutor, type TwinsNetwork, type TwinsResult } from './twins/execute.ts';
export { type TwinsScenario, TwinsScenarios, type TwinsSpace } from './twins/scenario.ts';
export { type RunEnd, World, type WorldEvent, type WorldOptions } from './world.ts';
