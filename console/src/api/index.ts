// What pages import to speak to the API.
export { api, ifMatch, ok } from './client';
export { ApiError, Unreachable, type Code, type FieldFault, type Schemas } from './http';
export { can, session, type Company, type Me, type Permission } from './session.svelte';
export { cursorPages, queryClient } from './queries';
export * as reads from './reads';
export type { Product } from './reads';
