// Whom somebody sees, worked out as the API does it, so that what it would refuse is not offered.
import type { Schemas } from './api';

/** Everybody of the company, everybody of one customer's account and below, or whoever is listed in the scope. */
export type Sight = 'all' | 'account' | 'listed';

type Rights = Pick<Schemas['User'], 'class' | 'roles' | 'account' | 'scope'>;

/** By class, account and scope, and by what the company's policy lets users of class standard see. */
export function sightOf(user: Rights, standardSees: Schemas['Policy']['standard_sees']): Sight {
  if (user.class === 'owner') return 'all';
  if (user.account) return user.class === 'standard' && user.roles.includes('account_owner') ? 'account' : 'listed';
  return (user.class === 'standard' && standardSees === 'all') || user.scope.all ? 'all' : 'listed';
}
