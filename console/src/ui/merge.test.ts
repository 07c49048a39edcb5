import { expect, it } from 'vitest';
import { Edit } from './edit.svelte';
import { changes, differing, merged } from './merge';

const base = { name: 'North', phone: 'e164', fields: ['email'], hours: 24 };
const theirs = { ...base, name: 'Theirs', phone: 'free', hours: 48 };
const mine = { ...base, name: 'Mine', fields: ['phone'], hours: 48 };

it('finds the fields in which two versions differ', () => {
  expect(differing(base, { ...base, fields: ['email'] })).toEqual([]);
  expect(differing(base, { ...base, fields: [], hours: 48 })).toEqual(['fields', 'hours']);
});

it('tells who changed what; what both made the same of needs no choice', () => {
  expect(changes(base, theirs, mine)).toEqual([
    { field: 'name', by: 'both' },
    { field: 'phone', by: 'theirs' },
    { field: 'fields', by: 'mine' },
  ]);
});

it('takes theirs with what was picked of mine', () => {
  expect(merged(theirs, mine, { name: 'theirs', fields: 'mine' })).toEqual({ ...theirs, fields: ['phone'] });
});

it('an edit waits until every field that both changed is decided, then goes on from their version', () => {
  const edit = new Edit({ values: base, version: 1 });
  edit.values = mine;
  expect(edit.undecided).toBe(false);
  edit.meet({ values: theirs, version: 2 });
  expect(edit.picked).toEqual({ phone: 'theirs', fields: 'mine' });
  expect(edit.undecided).toBe(true);
  edit.picked = { ...edit.picked, name: 'mine' };
  expect(edit.undecided).toBe(false);
  edit.settle();
  expect(edit.base.version).toBe(2);
  expect(edit.values).toEqual({ ...theirs, name: 'Mine', fields: ['phone'] });
  expect([edit.theirs, edit.changed]).toEqual([undefined, ['name', 'fields']]);
});
