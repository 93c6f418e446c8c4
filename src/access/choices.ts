// What people may choose for themselves: names, and keys or passwords. Pure. It must never say what was given for a secret.
import { Fault } from '../base/fault.ts';

/** In UTF-16 units; what is longer is no key and no password. */
export const SECRET_LENGTH_LIMIT = 512;
const NAME_LENGTH_LIMIT = 64;

/** Throws `bad_request`. */
export function requireName(what: 'key' | 'user', name: string): void {
  const isUsable =
    name.trim() === name &&
    name.length > 0 &&
    name.length <= NAME_LENGTH_LIMIT &&
    !/\p{Cc}/u.test(name) &&
    name.isWellFormed();
  if (isUsable) return;
  throw new Fault(
    'bad_request',
    `A ${what}’s name has 1 to ${NAME_LENGTH_LIMIT} characters, and no space at its ends.`,
  );
}

/** Throws `bad_request`. */
export function requireSecret(what: 'key' | 'password', text: string): void {
  const isUsable =
    text.length > 0 &&
    text.length <= SECRET_LENGTH_LIMIT &&
    text.trim() === text &&
    !/\p{Cc}/u.test(text) &&
    text.isWellFormed();
  if (isUsable) return;
  throw new Fault(
    'bad_request',
    `A ${what} has 1 to ${SECRET_LENGTH_LIMIT} characters, no line ends, and no space at its ends.`,
  );
}
