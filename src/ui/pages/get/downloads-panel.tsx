// All downloads: those under way first, then what is over, until it is cleared away.
import { useDownloads } from '../../api/queries.ts';
import { DownloadRow } from '../../app/download-row.tsx';
import { forgetDownload, openDownloads } from '../../app/downloads.ts';
import { Button } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';

const words = texts.get;

export function DownloadsPanel() {
  const { data = [] } = useDownloads();
  const open = openDownloads(data);
  const over = data.filter((job) => !open.includes(job));
  if (data.length === 0) return null;
  const clear = async (): Promise<void> => {
    for (const { id } of over) await forgetDownload(id);
  };
  return (
    <Card
      title={words.downloadsTitle}
      actions={
        over.length > 0 && (
          <Button isSmall onClick={() => void clear().catch(toastError)}>
            {words.clear}
          </Button>
        )
      }
    >
      <ul>
        {[...open, ...over.toReversed()].map((job) => (
          <DownloadRow key={job.id} download={job} />
        ))}
      </ul>
    </Card>
  );
}
