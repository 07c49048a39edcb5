import { expect, it } from 'vitest';
import { queryOf, readFilter } from './filters';

const of = (query: string) => readFilter(new URLSearchParams(query));

it('filters are read from the address', () => {
  expect(of('status=active&kind=vehicle&role=rol_1a&group=grp_2b&user=usr_3c')).toEqual({
    status: 'active',
    kind: 'vehicle',
    role: 'rol_1a',
    group: 'grp_2b',
  });
});

it('what no filter can be is left out', () => {
  expect(of('status=happy&product=mileon&account=acc_1%26&class=&page=3')).toEqual({});
});

it('what is searched goes to the API as typed, without the blanks around it', () => {
  expect(queryOf({ kind: 'person' }, { by: 'email', text: ' Ada@ ' })).toEqual({ kind: 'person', email: 'Ada@' });
  expect(queryOf({}, { by: 'name', text: '  ' })).toEqual({});
});
