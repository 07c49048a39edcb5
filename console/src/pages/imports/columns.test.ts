import { expect, test } from 'vitest';
import type { Schemas } from '../../api';
import { columnOf, differs } from './columns';

test('a heading is understood however it is written', () => {
  expect(columnOf('external_id')).toBe('External ID');
  expect(columnOf('E-MAIL')).toBe('Email');
  expect(columnOf('phone')).toBe('Phone Number');
  expect(columnOf('Depot')).toBeUndefined();
});

test('only what changes is told apart', () => {
  const user = { external_id: 'T-1', first_name: 'Ada', phone: '+4915112345678', kind: 'person' } as Schemas['User'];
  expect(differs('First Name', 'Augusta', user)).toEqual({ now: 'Ada' });
  expect(differs('first_name', ' Ada ', user)).toBeUndefined();
  expect(differs('First Name', '', user)).toBeUndefined();
  expect(differs('Phone', '+49 151 12345678', user)).toBeUndefined();
  expect(differs('Kind', 'Person', user)).toBeUndefined();
  expect(differs('Email', 'ada@example.com', user)).toEqual({ now: '' });
  expect(differs('Depot', 'North', user)).toBeUndefined();
});
