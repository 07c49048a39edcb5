import { afterEach, expect, test, vi } from 'vitest';
import { Unreachable } from '../../api';
import type { Counts } from './counts';
import { MOST, Plan } from './plan.svelte';

const PLAN = 'Line,Outcome,Code,Message,User,Version,References,External ID,Depot\n';

/** The storage answers with these parts, and then breaks off if it is to. */
function stored(parts: Iterable<string>, broken = false): { cancelled: () => boolean } {
  const bytes = new TextEncoder();
  const each = parts[Symbol.iterator]();
  let cancelled = false;
  const body = new ReadableStream({
    pull(controller) {
      const { value, done } = each.next();
      if (!done) controller.enqueue(bytes.encode(value));
      else if (broken) controller.error(new TypeError('network error'));
      else controller.close();
    },
    cancel() {
      cancelled = true;
    },
  });
  vi.stubGlobal('fetch', async () => new Response(body));
  return { cancelled: () => cancelled };
}
afterEach(() => vi.unstubAllGlobals());

async function read(counts: Partial<Counts>): Promise<Plan> {
  const plan = new Plan('plan');
  const all = { created: 0, updated: 0, unchanged: 0, refused: 0, ...counts };
  await plan.read(async () => 'https://storage.example/plan', all, new AbortController().signal);
  return plan;
}

test('rows are told by what becomes of them, and in full when somebody looks', async () => {
  stored([`\uFEFF${PLAN}2,created,,,usr_1,,,T-1,"Nor`, `th, ""1"""\n3,refused,required,"External ID is required.",,,,,'=A1\n`]);
  const plan = await read({ created: 1, refused: 1 });
  expect(plan.state).toBe('read');
  expect(plan.headings).toEqual(['External ID', 'Depot']);
  expect(plan.rows(undefined).map(({ line }) => line)).toEqual(['2', '3']);
  const [added] = plan.rows('created').map((row) => plan.tell(row));
  expect(added).toMatchObject({ line: 2, code: '', user: 'usr_1', values: [{ value: 'T-1' }, { value: 'North, "1"' }] });
  const [refused] = plan.rows('refused').map((row) => plan.tell(row));
  expect(refused).toMatchObject({ code: 'required', message: 'External ID is required.' });
  expect(refused?.values).toEqual([
    { heading: 'External ID', value: '' },
    { heading: 'Depot', value: '=A1' },
  ]);
});

test('no more is read than can be looked through', async () => {
  function* endless(): Generator<string> {
    yield PLAN;
    for (let line = 2; ; line += 100) {
      yield Array.from({ length: 100 }, (_, n) => `${line + n},created,,,usr_1,,,T-${line + n},North\n`).join('');
    }
  }
  const storage = stored(endless());
  const plan = await read({ created: 10_000_000 });
  expect(plan.rows('created')).toHaveLength(MOST);
  expect(plan.state).toBe('read');
  await vi.waitFor(() => expect(storage.cancelled()).toBe(true));
});

test('what was read before the connection broke stays', async () => {
  stored([PLAN, '2,updated,,,usr_1,4,,T-1,North\n3,upd'], true);
  const plan = await read({ updated: 2 });
  expect(plan.state).toBe('failed');
  expect(plan.failure).toBeInstanceOf(Unreachable);
  expect(plan.rows('updated')).toHaveLength(1);
});
