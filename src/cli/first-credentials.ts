// The first key or user of a server that needs one and has none: made once, shown once. It must never make either where
// there is one already, nor let a key or a password into a log.
import { randomBytes } from 'node:crypto';
import type { OpenedCore } from './assembly.ts';
import { tell } from './terminal.ts';

export interface Why {
  /** Other machines can reach it. */
  readonly isOpenToOthers: boolean;
  /** The setting, as it was read at the start. */
  readonly listenText: string;
}

const FIRST_NAME = 'admin';

export async function makeFirstCredentials(core: OpenedCore, why: Why): Promise<void> {
  const { keys, users } = core;
  if (keys.count > 0 || users.count > 0) return;
  // Who asks for logins gets one; programs need a key wherever nobody has said that they would log in.
  const { auth } = core.settings();
  if (auth) {
    const password = randomBytes(18).toString('base64url');
    await users.create(FIRST_NAME, password);
    tell(`\n  You asked for logins. This is the first user, the password shown only now:\n`);
    tell(`    user      ${FIRST_NAME}\n    password  ${password}\n`);
    tell('  POST /api/auth/login gives a token for both; "drover users passwd admin" changes the password.');
    if (!why.isOpenToOthers) tell('  Programs that cannot log in take a key: "drover keys add NAME" makes one.\n');
  }
  if (auth && !why.isOpenToOthers) return;
  const reason = why.isOpenToOthers ? `Other machines can reach ${why.listenText}` : 'You asked for it';
  tell(`\n  ${reason}, so a key is needed. This is it, shown only now:\n\n    ${keys.create(FIRST_NAME, ['admin'])}\n`);
}
