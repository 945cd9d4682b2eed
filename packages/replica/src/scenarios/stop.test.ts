import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';

it('stops while the end of an epoch waits for execution', async () => {
  const cluster = new Cluster({ seed: 7, consensus: { epochLength: 6 } });
  cluster.start();
  await cluster.reach(1);
  const application = cluster.applications.get(0);
  if (application === undefined) throw new Error('machine 0 has no application');
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const commit = application.commit.bind(application);
  application.commit = async (block) => {
    await held;
    return commit(block);
  };
  await cluster.reach(6, [0]);
  await cluster.world.runFor(3000);
  let stopped = false;
  void cluster
    .replica(0)
    .stop()
    .then(() => {
      stopped = true;
    });
  release();
  await cluster.world.runFor(60_000);
  expect(stopped).toBe(true);
});

it('closes everything when it stops, though one part does not close', async () => {
  const closed = new Set<string>();
  let failing = false;
  const cluster = new Cluster({
    seed: 8,
    ports: (ports) => ({
      ...ports,
      disk: {
        ...ports.disk,
        openFile: async (name) => {
          const file = await ports.disk.openFile(name);
          const close = (): Promise<void> => (failing ? Promise.reject(new Error('it stays open')) : file.close());
          return { ...file, close };
        },
        openStore: async (name) => {
          const store = await ports.disk.openStore(name);
          const close = (): Promise<void> => {
            closed.add(name);
            return store.close();
          };
          return { ...store, close };
        },
      },
    }),
  });
  cluster.start();
  await cluster.reach(3);
  const application = cluster.applications.get(0);
  if (application === undefined) throw new Error('machine 0 has no application');
  const close = application.close.bind(application);
  application.close = () => {
    closed.add('application');
    return close();
  };
  failing = true;
  await expect(cluster.world.complete(cluster.replica(0).stop())).rejects.toThrow('it stays open');
  expect([...closed].sort()).toEqual(['application', 'blocks', 'evidence']);
});
