// Who calls: what the guard found out about a request, for whoever asks later (limits, audit, routes that tell an admin
// more). It must never hold a key, nor anything that a key can be made from.
import { grants, type Scope } from './scopes.ts';

export interface Identity {
  /** The key's or the user's name, or `local` for who needs none. */
  readonly name: string;
  /** `key`, `user`: of the store; `transient`: of this process, such as the command line's; `local`: no key was needed. */
  readonly kind: 'key' | 'user' | 'transient' | 'local';
  readonly scopes: readonly Scope[];
}

/** Whoever calls while no key is needed. */
export const LOCAL_CALLER: Identity = { name: 'local', kind: 'local', scopes: ['admin'] };

const callers = new WeakMap<Request, Identity>();

export const noteIdentity = (request: Request, identity: Identity): void => void callers.set(request, identity);

/** Who sent the request; null for an open route, which asks nobody. */
export const identityOf = (request: Request): Identity | null => callers.get(request) ?? null;

/** True where whoever sent the request may do more than its route asks for; nobody may where nobody was looked at. */
export const mayDo = (request: Request, scope: Scope): boolean => {
  const identity = identityOf(request);
  return identity !== null && grants(identity.scopes, scope);
};

/** Under which name the requests of somebody are counted. */
export interface Caller {
  /** A key's, a user's, or the address of who has neither. */
  readonly key: string;
  /** False for this machine's own programs while nobody needs a key. */
  readonly isLimited: boolean;
}

const counted = new WeakMap<Request, Caller>();

export const noteCaller = (request: Request, caller: Caller): void => void counted.set(request, caller);

/** Whose request it is for whoever counts; null where nothing is counted. */
export const callerOf = (request: Request): Caller | null => counted.get(request) ?? null;
