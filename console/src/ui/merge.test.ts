import { expect, it } from 'vitest';
import { differing, merged } from './merge';

const base = { name: 'North', phone: 'e164', fields: ['email'], hours: 24 };

it('finds the fields in which two versions differ', () => {
  expect(differing(base, { ...base, fields: ['email'] })).toEqual([]);
  expect(differing(base, { ...base, fields: [], hours: 48 })).toEqual(['fields', 'hours']);
});

it('keeps what both changed, and mine where both changed the same', () => {
  const mine = { ...base, name: 'Mine', hours: 48 };
  const theirs = { ...base, name: 'Theirs', phone: 'free' };
  expect(merged(base, mine, theirs)).toEqual({ name: 'Mine', phone: 'free', fields: ['email'], hours: 48 });
});
