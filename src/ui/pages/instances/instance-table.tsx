// The processes of models, with what each does, holds and costs.
import { Ellipsis } from 'lucide-react';
import { Link } from 'wouter';
import type { Instance } from '../../api/answers.ts';
import { useUsage } from '../../api/queries.ts';
import { useNow } from '../../app/clock.ts';
import { idleLeftMs, STATE_TONES } from '../../app/course.ts';
import { loadModel, pinModel, stopModel } from '../../app/model-actions.ts';
import { context, duration, relative, size, tokensPerSecond } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { IconButton } from '../../parts/button.tsx';
import { Menu } from '../../parts/menu.tsx';
import { Table } from '../../parts/table.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';

const words = texts.instances;
/** Enough for what counts down in minutes. */
const TICK_MS = 5000;

interface InstanceTableProps {
  readonly instances: readonly Instance[];
  readonly onLogs: (model: string) => void;
}

export function InstanceTable({ instances, onLogs }: InstanceTableProps) {
  const now = useNow(TICK_MS);
  const { data: usage } = useUsage();
  const { column } = words;
  return (
    <Table
      className="instances-table"
      label={words.title}
      head={[
        column.model,
        column.state,
        column.requests,
        column.speed,
        column.context,
        column.memory,
        column.idle,
        column.process,
        column.actions,
      ]}
    >
      {instances.map((instance) => {
        const { modelId, state, since, pid, portNumber, verdict, isPinned } = instance;
        const totals = usage?.models.find((one) => one.modelId === modelId);
        const reserved = Object.values(instance.reservedBytes).reduce((sum, bytes) => sum + bytes, 0);
        return (
          <tr key={modelId}>
            <th scope="row">
              <Link href={`/models/${encodeURIComponent(modelId)}`}>{modelId}</Link>
            </th>
            <td>
              <span className="row instances-state">
                <Badge tone={STATE_TONES[state]} isLive={state === 'starting' || state === 'stopping'}>
                  {words.states[state]}
                </Badge>
                {verdict?.outcome === 'degraded' && <Badge tone="warn">{words.degraded}</Badge>}
                {isPinned && <Badge>{words.pinned}</Badge>}
                <span className="dim small">{relative(since, now)}</span>
              </span>
            </td>
            <td className="figures">{words.requests(instance.requestsInFlight, instance.requestsQueued)}</td>
            <td className="figures">{tokensPerSecond(totals?.lastTokensPerSecond)}</td>
            <td className="figures">{context(verdict?.contextTokens)}</td>
            <td className="figures">{reserved === 0 ? texts.parts.unknown : size(reserved)}</td>
            <td className="figures">{leavesText(instance, now)}</td>
            <td className="figures">
              {pid === null || portNumber === null ? words.noProcess : words.process(pid, portNumber)}
            </td>
            <td>
              <Actions instance={instance} onLogs={onLogs} />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function leavesText(instance: Instance, now: number): string {
  const { state, isPinned, ttlMs } = instance;
  if (state !== 'ready' || isPinned || ttlMs === null) return words.neverLeaves;
  return words.leavesIn(duration(idleLeftMs(instance, now) ?? ttlMs));
}

function Actions({ instance, onLogs }: { readonly instance: Instance; readonly onLogs: (model: string) => void }) {
  const { modelId, state, isPinned } = instance;
  const act = (work: Promise<unknown>): void => void work.catch(toastError);
  const isOn = state === 'ready' || state === 'starting';
  const again = async (): Promise<void> => {
    await stopModel(modelId);
    await loadModel(modelId);
  };
  return (
    <Menu
      trigger={
        <IconButton isSmall label={words.actions(modelId)}>
          <Ellipsis size={16} aria-hidden />
        </IconButton>
      }
      actions={[
        { label: words.chat, to: `/chat?model=${encodeURIComponent(modelId)}` },
        { label: words.details, to: `/models/${encodeURIComponent(modelId)}` },
        { label: words.onlyLogs, onSelect: () => onLogs(modelId) },
        { label: isPinned ? words.unpin : words.pin, onSelect: () => act(pinModel(modelId, !isPinned)) },
        null,
        ...(isOn
          ? [
              { label: words.restart, onSelect: () => act(again()) },
              { label: words.stop, onSelect: () => act(stopModel(modelId)) },
              { label: words.stopNow, isDanger: true, onSelect: () => act(stopModel(modelId, true)) },
            ]
          : [{ label: words.start, onSelect: () => void loadModel(modelId) }]),
      ]}
    />
  );
}
