// Loads a model. It goes on when its reader leaves: how it ends is told by the model's own state, here and everywhere.
import { Play } from 'lucide-react';
import { useState } from 'react';
import { isApiError } from '../../api/client.ts';
import { requestLoad } from '../../app/model-actions.ts';
import { Button } from '../../parts/button.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';

interface LoadButtonProps {
  readonly model: string;
  readonly text: string;
}

/** What a failed load has to say stands in the model's own row. */
const SAID_BY_ROW = new Set(['bad_gateway', 'does_not_fit', 'engine_failed']);

export function LoadButton({ model, text }: LoadButtonProps) {
  const [isBusy, setBusy] = useState(false);
  const load = async (): Promise<void> => {
    setBusy(true);
    try {
      await requestLoad(model);
    } catch (thrown) {
      if (!isApiError(thrown) || !SAID_BY_ROW.has(thrown.code)) toastError(thrown);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button
      isSmall
      isBusy={isBusy}
      icon={<Play size={14} aria-hidden />}
      onClick={() => void load()}
      aria-label={texts.home.running.load(model)}
    >
      {text}
    </Button>
  );
}
