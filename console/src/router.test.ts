import { describe, expect, it } from 'vitest';
import { changed, match } from './router.svelte';

describe('paths', () => {
  it.each([
    ['/', '/', {}],
    ['/users', '/users', {}],
    ['/users', '/users/', {}],
    ['/users/:id', '/users/usr_1', { id: 'usr_1' }],
    ['/a/:x/b/:y', '/a/1/b/2%2F3', { x: '1', y: '2/3' }],
  ])('%s fits %s', (pattern, path, params) => expect(match(pattern, path)).toEqual(params));

  it.each([
    ['/users', '/user'],
    ['/users/:id', '/users'],
    ['/users/:id', '/users//'],
    ['/users/:id', '/users/1/2'],
    ['/users/:id', '/users/%E0%A4%A'],
    ['/', '/users'],
  ])('%s does not fit %s', (pattern, path) => expect(match(pattern, path)).toBeUndefined());
});

describe('filters', () => {
  it('are replaced, listed and taken away', () => {
    const query = new URLSearchParams('status=active&group=a&group=b&x=1');
    expect(changed(query, { group: ['c', 'd'], status: undefined, x: '' }).toString()).toBe('group=c&group=d');
    expect(query.toString()).toBe('status=active&group=a&group=b&x=1');
  });
});
