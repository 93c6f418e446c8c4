// BeautyAI's routes about the machine and the server. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';

export function systemRoutes(_app: AnyElysia, _drover: Drover, _desks: Desks): void {}
