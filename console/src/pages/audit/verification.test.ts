import { expect, it } from 'vitest';
import type { Schemas } from '../../api';
import { Verifier } from './verification.svelte';

const answer = (change: Partial<Schemas['Verification']>): Schemas['Verification'] => ({
  intact: true,
  seals: 1000,
  entries: 5,
  findings: [],
  sealed_until: '2026-03-02T08:00:00Z',
  unsealed: 3,
  ...change,
});
const finding = { kind: 'chain_broken', seal: 7, from: '2026-03-02T08:00:00Z', to: '2026-03-02T09:00:00Z' } as const;

it('goes on until there is no more, and adds up', async () => {
  const asked: (string | undefined)[] = [];
  const verifier = new Verifier(async (cursor) => {
    asked.push(cursor);
    return cursor ? answer({ seals: 2 }) : answer({ next: 'more', intact: false, findings: [finding] });
  });
  await verifier.run();
  expect(asked).toEqual([undefined, 'more']);
  expect([verifier.state, verifier.seals, verifier.entries]).toEqual(['done', 1002, 10]);
  expect(verifier.findings).toEqual([finding]);
  await verifier.run();
  expect(verifier.seals).toBe(1002);
});

it('stops, and what comes after that is not told', async () => {
  let give: (answer: Schemas['Verification']) => void = () => {};
  const verifier = new Verifier(() => new Promise((resolve) => (give = resolve)));
  const run = verifier.run();
  expect(verifier.state).toBe('running');
  verifier.stop();
  give(answer({}));
  await run;
  expect([verifier.state, verifier.seals]).toEqual(['stopped', 0]);
});

it('says what broke it off', async () => {
  const verifier = new Verifier(() => Promise.reject(new Error('no connection')));
  await verifier.run();
  expect([verifier.state, verifier.error]).toEqual(['failed', new Error('no connection')]);
});
