// The page "Models": the library, and beside it (where there is room) the model that was chosen.
import { Boxes, Download, RotateCw } from 'lucide-react';
import { useState } from 'react';
import { useParams } from 'wouter';
import { post } from '../../api/client.ts';
import { keys, queryClient, useModels } from '../../api/queries.ts';
import { Button, ButtonLink } from '../../parts/button.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { EmptyState, Loaded, Skeleton } from '../../parts/states.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { ModelDetail } from './detail.tsx';
import { ModelList } from './list.tsx';

const words = texts.models;

export function ModelsPage() {
  const query = useModels();
  const [isLooking, setLooking] = useState(false);
  const params = useParams<{ readonly '*'?: string }>();
  const asked = decoded(params['*'] ?? '');
  const model =
    asked === '' ? undefined : query.data?.find(({ id, aliases }) => id === asked || aliases.includes(asked));
  const rescan = async (): Promise<void> => {
    setLooking(true);
    try {
      await post('/drover/rescan');
      await queryClient.invalidateQueries({ queryKey: keys.models });
    } catch (thrown) {
      toastError(thrown);
    } finally {
      setLooking(false);
    }
  };
  return (
    <div className={asked === '' ? 'models-page' : 'models-page models-page-chosen'}>
      <PageHeader
        title={texts.app.pages.models}
        {...(query.data === undefined ? {} : { text: words.text(query.data.length) })}
        {...(model === undefined ? {} : { tabTitle: model.title })}
        actions={
          <>
            <Button isBusy={isLooking} icon={<RotateCw size={15} aria-hidden />} onClick={() => void rescan()}>
              {words.rescan}
            </Button>
            <ButtonLink to="/get" tone="primary" icon={<Download size={15} aria-hidden />}>
              {words.get}
            </ButtonLink>
          </>
        }
      />
      <Loaded query={query} skeleton={<Skeleton height={420} />}>
        {(models) => (
          <div className="models-columns">
            <ModelList models={models} chosen={model?.id ?? null} />
            {model === undefined ? (
              <EmptyState
                icon={<Boxes />}
                title={asked === '' ? words.select : words.none.found}
                {...(asked === '' ? {} : { text: asked })}
              />
            ) : (
              <ModelDetail key={model.id} model={model} />
            )}
          </div>
        )}
      </Loaded>
    </div>
  );
}

/** A broken escape is text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
