import { expect, it } from 'vitest';
import { ApiError, Unreachable } from '../../api/http';
import type { Outcome } from './actions';
import { BATCH, Run } from './run.svelte';

const ids = Array.from({ length: 2 * BATCH + 50 }, (_, n) => `usr_${n}`);
const done = (batch: readonly string[]): Outcome[] => batch.map((user) => ({ user, outcome: 'done' }));

it('goes through all, batch by batch, in order', async () => {
  const sizes: number[] = [];
  const run = new Run(ids, async (batch) => {
    sizes.push(batch.length);
    return done(batch);
  });
  await run.go();
  expect(sizes).toEqual([BATCH, BATCH, 50]);
  expect(run.state).toBe('over');
  expect(run.told).toBe(ids.length);
});

it('an answer that is lost stops it, and going on sends the same batch again', async () => {
  const sent: string[] = [];
  let broken = true;
  const run = new Run(ids, async (batch) => {
    sent.push(batch[0] ?? '');
    if (sent.length === 2 && broken) throw new Unreachable(false);
    return done(batch);
  });
  await run.go();
  expect(run.state).toBe('failed');
  expect(run.lost).toBe(BATCH);
  expect(run.of('usr_0')).toEqual({ outcome: 'done' });
  expect(run.of(`usr_${BATCH}`)).toEqual({ outcome: 'unknown' });
  expect(run.of(`usr_${2 * BATCH}`)).toEqual({ outcome: 'open' });
  broken = false;
  await run.go();
  expect(sent).toEqual(['usr_0', `usr_${BATCH}`, `usr_${BATCH}`, `usr_${2 * BATCH}`]);
  expect(run.state).toBe('over');
  expect(run.lost).toBe(0);
});

it('a request that is refused as a whole leaves nothing in doubt', async () => {
  const problem = { status: 403, code: 'forbidden', title: '', detail: '' } as const;
  const run = new Run(ids, () => Promise.reject(new ApiError(problem)));
  await run.go();
  expect(run.lost).toBe(0);
  expect(run.of('usr_0')).toEqual({ outcome: 'open' });
  run.stop();
  expect(run.state).toBe('over');
});

it('stops between two batches', async () => {
  const run: Run = new Run(ids, async (batch) => {
    run.stop();
    return done(batch);
  });
  await run.go();
  expect(run.told).toBe(BATCH);
  expect(run.state).toBe('over');
});

it('why somebody was refused is kept', async () => {
  const run = new Run(['usr_0'], async ([user = '']) => [{ user, outcome: 'refused', code: 'no_email', message: 'x' }]);
  await run.go();
  expect(run.of('usr_0')).toEqual({ outcome: 'refused', code: 'no_email', message: 'x' });
});
