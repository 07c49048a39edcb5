// What forms about a user are given of the rules: why a field is not to be changed, in words.
import { user as t } from '../../../i18n/user';
import type { Field, Lock } from './powers';

/** Why a field cannot be changed by the caller, if so. */
export type LockOf = (field: Field) => Lock | undefined;

export const unlocked: LockOf = () => undefined;

export function lockText(lock: Lock | undefined): string | undefined {
  return lock && t(`lock.${lock}`);
}
