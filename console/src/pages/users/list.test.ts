import { expect, it, vi } from 'vitest';
import { UserList, type User } from './list.svelte';

/** A company whose users have a number for a name; pages of ten, with the last name as cursor. */
class Company {
  names = Array.from({ length: 1_000 }, (_, n) => n);
  asked: (string | undefined)[] = [];
  fail = false;

  readonly read = async (cursor: string | undefined) => {
    this.asked.push(cursor);
    if (this.fail) throw new Error('no connection');
    const rest = this.names.filter((name) => name > Number(cursor ?? -1));
    const users = rest.slice(0, 200).map((name) => ({ id: `usr_${name}`, name: `${name}` }) as User);
    return { users, next: rest.length > 200 ? (users.at(-1)?.name ?? null) : null };
  };
}

async function listOf(company: Company): Promise<UserList> {
  const list = new UserList();
  list.begin('all', await company.read(undefined), company.read);
  return list;
}

const names = (list: UserList) => list.rows.map(({ name }) => Number(name));
const settled = () => vi.waitFor(() => Promise.resolve());

it('reads on as the end of what is read comes near, up to the end', async () => {
  const company = new Company();
  const list = await listOf(company);
  await vi.waitFor(() => expect(list.rows).toHaveLength(400));
  list.see(300, 340);
  await vi.waitFor(() => expect(list.rows).toHaveLength(800));
  list.see(960, 999);
  await vi.waitFor(() => expect(names(list)).toEqual(company.names));
  expect(list.next).toBeUndefined();
  expect(company.asked).toEqual([undefined, '199', '399', '599', '799']);
});

it('what changed is read anew where one looks, and elsewhere when one comes there', async () => {
  const company = new Company();
  const list = await listOf(company);
  list.see(590, 610);
  await vi.waitFor(() => expect(list.rows).toHaveLength(1_000));
  company.asked = [];
  company.names = company.names.filter((name) => name !== 605);
  list.begin('all', await company.read(undefined), company.read);
  await vi.waitFor(() => expect(names(list)).not.toContain(605));
  expect(company.asked).toEqual([undefined, '399', '599']);
  list.see(0, 999);
  await vi.waitFor(() => expect(names(list)).toEqual(company.names));
});

it('added and deleted users leave neither gaps nor doubles behind', async () => {
  const company = new Company();
  const list = await listOf(company);
  list.see(0, 999);
  await vi.waitFor(() => expect(list.rows).toHaveLength(1_000));
  const added = Array.from({ length: 250 }, (_, n) => n / 1_000 + 100.5);
  company.names = [...company.names.filter((name) => name < 300 || name > 450), ...added].sort((a, b) => a - b);
  list.begin('all', await company.read(undefined), company.read);
  await vi.waitFor(() => expect(names(list)).toEqual(company.names));
});

it('a page that cannot be read is said, and asked for again on demand only', async () => {
  const company = new Company();
  const first = await company.read(undefined);
  company.fail = true;
  const list = new UserList();
  list.begin('all', first, company.read);
  await vi.waitFor(() => expect(list.error).toBeDefined());
  list.see(0, 20);
  await settled();
  expect(company.asked).toHaveLength(2);
  company.fail = false;
  list.retry();
  await vi.waitFor(() => expect(list.rows).toHaveLength(400));
  expect(list.error).toBeUndefined();
});

it('an answer for another list comes too late', async () => {
  const company = new Company();
  const list = await listOf(company);
  list.begin('few', { users: [{ id: 'usr_x', name: '7' } as User], next: null }, company.read);
  await settled();
  expect(names(list)).toEqual([7]);
});
