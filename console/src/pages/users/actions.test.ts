import { expect, it } from 'vitest';
import { forecast, offered, typedToDelete, type Picked } from './actions';

const person = (given: Partial<Picked> = {}): Picked => ({
  id: 'usr_1',
  name: 'Ada',
  email: 'ada@example.com',
  external_id: null,
  status: 'not_invited',
  class: 'standard',
  username: null,
  groups: [],
  products: [],
  mail: undefined,
  ...given,
});
const active = { status: 'active', username: 'ada', mail: 'delivered' } as const;
const me = 'usr_me';

it('assigning tells who holds one already, who cannot, and for how many there are no seats', () => {
  const users = [
    person(),
    person(),
    person({ products: ['prd_1'] }),
    person({ status: 'suspended' }),
    person({ products: ['prd_2'] }),
  ];
  expect(forecast('assign', users, { me, target: 'prd_1', seats: 2 })).toEqual({
    done: 2,
    unchanged: 1,
    refused: [
      ['user_suspended', 1],
      ['no_seats_left', 1],
    ],
  });
  expect(forecast('unassign', users, { me, target: 'prd_1', seats: 0 })).toEqual({ done: 1, unchanged: 4, refused: [] });
});

it('inviting leaves an invitation that stands, and replaces one that came to nothing', () => {
  const users = [
    person(),
    person({ status: 'activation_pending', mail: 'sent' }),
    person({ status: 'activation_pending', mail: 'bounced' }),
    person({ status: 'invitation_expired', mail: 'delivered' }),
    person({ email: null }),
    person(active),
    // Active by its licence alone.
    person({ status: 'active' }),
  ];
  expect(forecast('invite', users, { me })).toEqual({
    done: 4,
    unchanged: 1,
    refused: [
      ['no_email', 1],
      ['already_active', 1],
    ],
  });
  expect(forecast('resend', users, { me }).done).toBe(3);
  expect(forecast('revoke', users, { me })).toMatchObject({ done: 3, unchanged: 3, refused: [['already_active', 1]] });
});

it('nobody deletes themself, and owners go one by one', () => {
  const owner = person({ class: 'owner' });
  expect(forecast('delete', [owner, person({ id: me }), person()], { me }).refused).toEqual([
    ['owner_protected', 1],
    ['not_yourself', 1],
  ]);
  expect(forecast('delete', [owner], { me }).done).toBe(1);
});

it('a group takes in who is not in it', () => {
  const users = [person({ groups: ['grp_1'] }), person()];
  expect(forecast('group', users, { me, target: 'grp_1' })).toMatchObject({ done: 1, unchanged: 1 });
  expect(forecast('ungroup', users, { me, target: 'grp_1' })).toMatchObject({ done: 1, unchanged: 1 });
});

it('a deletion is confirmed by what names the user, or by their number', () => {
  expect(typedToDelete([person()], 1)).toBe('ada@example.com');
  expect(typedToDelete([person({ email: null, external_id: 'T-1' })], 1)).toBe('T-1');
  expect(typedToDelete([person({ email: null })], 1)).toBe('usr_1');
  expect(typedToDelete([person(), person()], 2)).toBe('2');
});

it('only what makes sense and is permitted is offered', () => {
  const deleted = person({ status: 'deleted' });
  expect(offered([deleted], () => true)).toEqual(['restore']);
  expect(offered([person()], (permission) => permission === 'users.delete')).toEqual(['delete']);
  expect(offered([person(), deleted], (permission) => permission === 'users.delete')).toEqual(['delete', 'restore']);
  expect(offered([person()], () => false)).toEqual([]);
});
