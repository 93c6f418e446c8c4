// How the downloads under way are coming along, in the frame of every page; nothing where there are none.
import { Download } from 'lucide-react';
import { Link } from 'wouter';
import { useDownloads } from '../api/queries.ts';
import { percent } from '../format.ts';
import { Progress } from '../parts/meter.tsx';
import { texts } from '../texts/index.ts';
import { ratioOf } from './downloads.ts';

export function DownloadIndicator() {
  const { data = [] } = useDownloads();
  const running = data.filter(({ state }) => state === 'downloading' || state === 'verifying');
  if (running.length === 0) return null;
  const isKnown = running.every(({ totalBytes }) => totalBytes !== null);
  const done = running.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
  const total = running.reduce((sum, { totalBytes }) => sum + (totalBytes ?? 0), 0);
  const ratio = isKnown ? ratioOf(done, total) : null;
  return (
    <Link href="/get" className="download-indicator">
      <span className="row">
        <Download size={14} aria-hidden />
        {texts.downloads.running(running.length)}
        {ratio !== null && <span className="dim figures">{percent(ratio)}</span>}
      </span>
      <Progress label={texts.downloads.title} ratio={ratio} />
    </Link>
  );
}
