import { expect, it } from 'vitest';
import { Keys } from './keys';

const post = (body: string, path = '/v1/users') => new Request(`http://muster.test${path}`, { method: 'POST', body });

it('a request whose answer was lost keeps its key', async () => {
  const keys = new Keys();
  const first = await keys.of(post('{}'));
  expect((await keys.of(post('{}'))).value).toBe(first.value);
  expect((await keys.of(post('{"a":1}'))).value).not.toBe(first.value);
  expect((await keys.of(post('{}', '/v1/groups'))).value).not.toBe(first.value);
});

it('once it is answered, the same again is another request', async () => {
  const keys = new Keys();
  const first = await keys.of(post('{}'));
  first.done();
  expect((await keys.of(post('{}'))).value).not.toBe(first.value);
});

it('a lost request is forgotten after an hour', async () => {
  let now = 0;
  const keys = new Keys(() => now);
  const first = await keys.of(post('{}'));
  now = 3_599_999;
  expect((await keys.of(post('{}'))).value).toBe(first.value);
  now += 3_600_000;
  expect((await keys.of(post('{}'))).value).not.toBe(first.value);
});
