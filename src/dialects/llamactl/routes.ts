// llamactl's API: instances here, the machine and the configuration beside them. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import { instanceRoutes } from './routes-instances.ts';
import { systemRoutes } from './routes-system.ts';

export function llamactlRoutes(app: AnyElysia, drover: Pick<Drover, 'bus'>, desks: Desks): void {
  instanceRoutes(app, desks);
  systemRoutes(app, drover, desks);
}
