// What is shown in place of a page that broke or could not be fetched; the frame around it stays usable.
import { RotateCw } from 'lucide-react';
import { Component, type ReactNode } from 'react';
import { Button } from '../parts/button.tsx';
import { Notice } from '../parts/notice.tsx';
import { texts } from '../texts/index.ts';

interface State {
  readonly thrown: unknown;
}

export class PageBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { thrown: null };

  static getDerivedStateFromError(thrown: unknown): State {
    return { thrown };
  }

  override render(): ReactNode {
    const { thrown } = this.state;
    if (thrown === null) return this.props.children;
    // Browsers word it differently; a script that did not come is a TypeError with its address.
    const isFetch = thrown instanceof TypeError && /module|import/i.test(thrown.message);
    const { title, action } = isFetch ? texts.app.pageFailed : texts.app.broken;
    return (
      <Notice
        tone="bad"
        isAlert
        title={title}
        text={isFetch ? texts.app.pageFailed.text : thrown instanceof Error ? thrown.message : String(thrown)}
        actions={
          <Button icon={<RotateCw size={15} aria-hidden />} onClick={() => location.reload()}>
            {action}
          </Button>
        }
      />
    );
  }
}
