// What llamactl's WebSocket tells: every change of a status, figures of what runs every five seconds, alarms. Said once for
// all listeners; nothing is measured while nobody listens. A slow one loses figures first, and is sent away before it loses
// anything else. It must never wait for a listener.
import { alertOf, DiskAlarm } from '../../core/alerts.ts';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import type { StatusChange } from '../../core/named-instances.ts';
import type { Peer } from '../socket.ts';
import { alertMessage, statsMessage, statusMessage } from './stream.ts';

const STATS_MS = 5000;
/** Who owes more than that gets no figures until it has taken what there is. */
const FIGURES_BYTES = 64 * 1024;
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

export interface LlamactlFeedOptions {
  readonly bus: Drover['bus'];
  readonly instances: Pick<Desks['instances'], 'onStatus' | 'list' | 'stats'>;
  readonly machine: Pick<Desks['machine'], 'load'>;
}

export class LlamactlFeed {
  readonly #options: LlamactlFeedOptions;
  readonly #peers = new Set<Peer>();
  readonly #disk = new DiskAlarm();
  #stop: (() => void) | null = null;

  constructor(options: LlamactlFeedOptions) {
    this.#options = options;
  }

  join(peer: Peer): void {
    if (peer.signal.aborted) return;
    this.#peers.add(peer);
    peer.signal.addEventListener('abort', () => this.#leave(peer), { once: true });
    this.#stop ??= this.#begin();
  }

  #leave(peer: Peer): void {
    this.#peers.delete(peer);
    if (this.#peers.size > 0) return;
    this.#stop?.();
    this.#stop = null;
  }

  #begin(): () => void {
    const { bus, instances } = this.#options;
    const timer = setInterval(() => this.#sample(), STATS_MS);
    timer.unref();
    const ends = [
      instances.onStatus((change) => this.#hear(change)),
      bus.subscribe(({ event }) => {
        if (event.type === 'server.stopping') this.#sendAway();
      }),
    ];
    return () => {
      clearInterval(timer);
      for (const end of ends) end();
    };
  }

  #hear(change: StatusChange): void {
    const now = Date.now();
    this.#tell(statusMessage(change, now));
    const alert = alertOf(change);
    if (alert !== null) this.#tell(alertMessage(alert, now));
  }

  #sample(): void {
    const now = Date.now();
    for (const instance of this.#options.instances.list()) {
      if (instance.status !== 'running') continue;
      const text = statsMessage(instance.name, this.#options.instances.stats(instance), now);
      for (const peer of this.#peers) if (peer.owedBytes < FIGURES_BYTES) peer.send(text);
    }
    void this.#lookAtDisk();
  }

  async #lookAtDisk(): Promise<void> {
    try {
      const alert = this.#disk.look((await this.#options.machine.load()).disk);
      if (alert !== null) this.#tell(alertMessage(alert, Date.now()));
    } catch {
      // A disk that cannot be looked at is no news.
    }
  }

  #tell(text: string): void {
    for (const peer of [...this.#peers]) {
      if (peer.send(text)) continue;
      this.#leave(peer);
      peer.close(TRY_AGAIN_LATER, 'You read too slowly.');
    }
  }

  #sendAway(): void {
    for (const peer of [...this.#peers]) {
      this.#leave(peer);
      peer.close(GOING_AWAY, 'The server stops.');
    }
  }
}
