import { beforeEach, expect, it, vi } from 'vitest';
import type { Outcome } from './actions';
import { UserList, type User } from './list.svelte';
import { Run } from './run.svelte';
import { Selection } from './selection.svelte';

const pages = vi.hoisted(() => ({ read: vi.fn() }));
vi.mock('./filters', () => ({ readUsers: pages.read }));

const user = (n: number, status = 'active') =>
  ({ id: `usr_${n}`, name: `${n}`, status, licences: [], groups: [] }) as unknown as User;
const rows = [user(1), user(2), user(3)];

function listOf(next: string | null): UserList {
  const list = new UserList();
  list.begin('all', { users: [...rows], next }, () => new Promise(() => {}));
  return list;
}

beforeEach(() => pages.read.mockReset());

it('all that match are read and selected, beginning where the list ends', async () => {
  pages.read.mockResolvedValueOnce({ users: [user(4)], next: 'b' }).mockResolvedValueOnce({ users: [user(5)], next: null });
  const selection = new Selection();
  await selection.chooseAll(listOf('a'), {});
  expect([...selection.ids]).toEqual(['usr_1', 'usr_2', 'usr_3', 'usr_4', 'usr_5']);
  expect(pages.read.mock.calls.map(([, cursor]) => cursor)).toEqual(['a', 'b']);
  expect(selection.whole).toBe('all');
  selection.choose(rows, ['usr_2'], false);
  expect(selection.whole).toBeUndefined();
  expect(selection.ids.size).toBe(4);
});

it('stopped meanwhile, the selection stays as it was', async () => {
  const selection = new Selection();
  pages.read.mockImplementationOnce(async () => {
    selection.stop();
    return { users: [user(4)], next: null };
  });
  selection.choose(rows, ['usr_1'], true);
  await selection.chooseAll(listOf('a'), {});
  expect([...selection.ids]).toEqual(['usr_1']);
  expect(selection.reading).toBeUndefined();
});

it('what is known of the selected is what the list shows now', () => {
  const selection = new Selection();
  selection.choose(rows, ['usr_1'], true);
  expect(selection.fresh([user(1, 'suspended')])).toMatchObject([{ id: 'usr_1', status: 'suspended' }]);
});

it('who was deleted is not selected any more; who was refused is', async () => {
  const selection = new Selection();
  selection.choose(rows, ['usr_1', 'usr_2'], true);
  const outcomes: Outcome[] = [
    { user: 'usr_1', outcome: 'done' },
    { user: 'usr_2', outcome: 'refused', code: 'owner_protected' },
  ];
  const run = new Run(['usr_1', 'usr_2'], async () => outcomes);
  await run.go();
  selection.after('delete', run, rows);
  expect([...selection.ids]).toEqual(['usr_2']);
  selection.after('assign', run, [user(9)]);
  expect(selection.ids.size).toBe(0);
});

it('whoever leaves the list by an action is not selected any more; whoever another list hides is', async () => {
  const selection = new Selection();
  selection.choose(rows, ['usr_1', 'usr_2'], true);
  const run = new Run(['usr_1', 'usr_2'], async () => []);
  selection.after('suspend', run, rows);
  selection.reread([user(2), user(3)]);
  expect([...selection.ids]).toEqual(['usr_2']);
  selection.leave();
  selection.reread([user(9)]);
  expect([...selection.ids]).toEqual(['usr_2']);
});
