// Tokens as llamactl's clients read them. Pure.
import type { IssuedToken } from '../../access/tokens.ts';
import { isoSeconds } from './shape.ts';

export const tokenToWire = ({ token, expiresAtMs }: IssuedToken) => ({ token, expires_at: isoSeconds(expiresAtMs) });
