import { expect, it } from 'vitest';
import { changes, differing, merged } from '../../../ui/merge';
import { blank, form, patch, plain, type Draft } from './draft';

const draft = (fields: Partial<Draft>): Draft => ({ ...blank(), ...fields });
const option = (value: string) => ({ value, label: value.toUpperCase() });

it('only what differs is sent; what is emptied is cleared', () => {
  const before = draft({ first_name: 'Ada', last_name: 'Byron', phone: '1', groups: [option('b'), option('a')] });
  const after = draft({ first_name: ' Ada ', last_name: 'Lovelace', phone: ' ', groups: [option('a'), option('b')] });
  expect(patch(before, after)).toEqual({ last_name: 'Lovelace', phone: null });
  expect(patch(before, before)).toEqual({});
});

it('of modules and scope only the members that differ are sent', () => {
  const before = draft({
    modules: [{ name: 'maps', right: 'view' }, { name: 'fuel', right: 'view' }],
    scope: { all: false, groups: [option('g')], users: [] },
  });
  const after = draft({
    modules: [{ name: 'fuel', right: 'edit' }, { name: '', right: 'view' }],
    scope: { all: false, groups: [option('g')], users: [option('u')] },
  });
  expect(patch(before, after)).toEqual({ modules: { maps: null, fuel: 'edit' }, scope: { users: ['u'] } });
});

it('the account is the end of the way to it', () => {
  const moved = draft({ account: [option('client'), option('branch')] });
  expect(patch(blank(), moved)).toEqual({ account: 'branch' });
  expect(patch(moved, blank())).toEqual({ account: null });
});

it('a new user has all fields but a username', () => {
  const made = form(draft({ email: 'ada@example.com', username: 'ada' }), ['prd_1'], null);
  expect(made).toMatchObject({ email: 'ada@example.com', first_name: null, products: ['prd_1'], invite: null });
  expect(made).not.toHaveProperty('username');
});

it('two edits of one user: what each changed, and what both did', () => {
  const base = draft({ first_name: 'Ada', last_name: 'Byron', phone: '1', email: 'a@x.example' });
  const theirs = { ...base, last_name: 'King', phone: '2', email: 'b@x.example' };
  const mine = { ...base, last_name: 'Lovelace', first_name: 'Augusta', email: 'b@x.example' };
  expect(changes(plain(base), plain(theirs), plain(mine))).toEqual([
    { field: 'first_name', by: 'mine' },
    { field: 'last_name', by: 'both' },
    { field: 'phone', by: 'theirs' },
  ]);
  const saved = merged(theirs, mine, { first_name: 'mine', last_name: 'mine', phone: 'theirs' });
  expect(patch(theirs, saved)).toEqual({ first_name: 'Augusta', last_name: 'Lovelace' });
  expect(differing(plain(saved), plain(mine))).toEqual(['phone']);
});
