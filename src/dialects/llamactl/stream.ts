// The frames of llamactl's streams: log entries one by one, and what the WebSocket tells. Pure.
import { ndjsonText, sseText } from '../../base/frames.ts';
import type { Alert } from '../../core/alerts.ts';
import type { InstanceStats } from '../../core/instance-desk.ts';
import type { LogEntry } from '../../core/instance-logs.ts';
import type { StatusChange } from '../../core/named-instances.ts';
import { statsToWire } from './shape-instances.ts';

export const entryToWire = (entry: LogEntry) => ({
  timestamp: new Date(entry.at).toISOString(),
  level: entry.level,
  message: entry.message,
});

export const entryEvent = (entry: LogEntry): string => sseText({ data: JSON.stringify(entryToWire(entry)) });
export const entryLine = (entry: LogEntry): string => ndjsonText(entryToWire(entry));

type MessageType = 'instance_status_changed' | 'instance_stats_updated' | 'system_alert';

const message = (type: MessageType, at: number, data: object): string =>
  JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });

export const statusMessage = ({ name, status, previous, failure }: StatusChange, at: number): string =>
  message('instance_status_changed', at, {
    name,
    old_status: previous,
    status,
    ...(failure === null ? {} : { error: failure }),
  });

export const statsMessage = (name: string, stats: InstanceStats, at: number): string =>
  message('instance_stats_updated', at, { name, stats: statsToWire(stats) });

export const alertMessage = ({ level, code, message: text }: Alert, at: number): string =>
  message('system_alert', at, { level, code, message: text });
