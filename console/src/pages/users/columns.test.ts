import { expect, it } from 'vitest';
import { arranged } from './columns';

it('columns keep their order, and the name stays', () => {
  expect(arranged(['phone', 'status'])).toEqual(['name', 'status', 'phone']);
});

it('what was stored by another version does no harm', () => {
  expect(arranged(['height', 7, null])).toEqual(['name']);
});
