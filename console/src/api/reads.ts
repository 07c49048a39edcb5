// What more than one page reads, by one key each, so that what one page has read serves the next.
import { api, ok } from './client';
import type { Schemas } from './http';

/** A product, as the company's own people see it. */
export type Product = Schemas['Product'] & { seats: number; used: number; remaining: number };


export const tenant = () => ({ queryKey: ['tenant'], queryFn: () => ok(api.GET('/v1/tenant')) });
export const roles = () => ({ queryKey: ['roles'], queryFn: () => ok(api.GET('/v1/roles')) });
/** Customers' people are shown no seats, and nothing that counts them. */
export const products = () => ({
  queryKey: ['products'],
  queryFn: async () => ({ products: (await ok(api.GET('/v1/products'))).products as Product[] }),
});
export const imports = () => ({ queryKey: ['imports'], queryFn: () => ok(api.GET('/v1/imports')) });
export const user = (id: string) => ({
  queryKey: ['user', id],
  queryFn: () => ok(api.GET('/v1/users/{id}', { params: { path: { id } } })),
});
export const group = (id: string) => ({
  queryKey: ['group', id],
  queryFn: () => ok(api.GET('/v1/groups/{id}', { params: { path: { id } } })),
});
export const account = (id: string) => ({
  queryKey: ['account', id],
  queryFn: () => ok(api.GET('/v1/accounts/{id}', { params: { path: { id } } })),
});
