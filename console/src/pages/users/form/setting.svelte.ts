// What a form about users stands on: the company's policy, its roles, and the caller's powers. Create it in a component.
import { createQuery } from '@tanstack/svelte-query';
import { reads, session, type Schemas } from '../../../api';
import { Powers } from './powers';

export interface Ground {
  tenant: Schemas['Tenant'];
  roles: readonly Schemas['Role'][];
  powers: Powers;
}

export class Setting {
  readonly #tenant;
  readonly #roles;

  /** `wanted`: whether it is needed already. */
  constructor(wanted: () => boolean = () => true) {
    this.#tenant = createQuery(() => ({ ...reads.tenant(), enabled: wanted() }));
    this.#roles = createQuery(() => ({ ...reads.roles(), enabled: wanted() }));
  }

  /** All of it, once it is there. */
  readonly ground: Ground | undefined = $derived.by(() => {
    const [tenant, roles] = [this.#tenant.data, this.#roles.data?.roles];
    return session.me && tenant && roles ? { tenant, roles, powers: new Powers(session.me, roles) } : undefined;
  });

  get error(): unknown {
    return this.#tenant.error ?? this.#roles.error ?? undefined;
  }

  readonly retry = (): void => {
    void this.#tenant.refetch();
    void this.#roles.refetch();
  };
}
