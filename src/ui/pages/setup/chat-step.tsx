// The last step: a chat with the model that was chosen, as soon as engine and model are there.
import { MessageSquare } from 'lucide-react';
import type { Model } from '../../api/answers.ts';
import { ButtonLink } from '../../parts/button.tsx';
import { texts } from '../../texts/index.ts';
import { Step } from './step.tsx';
import type { StepState } from './steps.ts';

interface ChatStepProps {
  readonly state: StepState;
  readonly hasEngine: boolean;
  readonly model: Model | null;
}

export function ChatStep({ state, hasEngine, model }: ChatStepProps) {
  const { chat } = texts.setup;
  const isReady = hasEngine && model !== null;
  return (
    <Step number={3} state={state} title={chat.title}>
      <p role="status" className={isReady ? '' : 'dim'}>
        {isReady ? chat.ready(model.id) : model === null ? chat.waitingModel : chat.waitingEngine}
      </p>
      {isReady && (
        <div>
          <ButtonLink
            to={`/chat?model=${encodeURIComponent(model.id)}`}
            tone="primary"
            icon={<MessageSquare size={16} aria-hidden />}
          >
            {chat.start}
          </ButtonLink>
        </div>
      )}
    </Step>
  );
}
