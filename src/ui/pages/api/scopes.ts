// Which scopes a kind of key has. Pure.
import type { Keys } from './keys.ts';

export type Scope = Keys['scopes'][number];
export type Preset = 'chat' | 'watch' | 'admin' | 'own';

const USE: readonly Scope[] = ['chat', 'model_read'];

export const PRESETS: Readonly<Record<Exclude<Preset, 'own'>, readonly Scope[]>> = {
  chat: USE,
  watch: [...USE, 'system_status', 'instance_read', 'benchmark', 'config_read'],
  admin: ['admin'],
};
