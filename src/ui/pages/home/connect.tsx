// The address that other programs take.
import { Plug } from 'lucide-react';
import { ButtonLink } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { texts } from '../../texts/index.ts';

export function Connect() {
  const { connect } = texts.home;
  // As this browser reached it: another one of the same network will, too.
  const address = `${location.origin}/v1`;
  return (
    <Card title={connect.title} text={connect.text}>
      <p className="home-address">
        <code>{address}</code>
        <CopyButton text={address} label={connect.copy} />
      </p>
      <div>
        <ButtonLink to="/api" isSmall icon={<Plug size={14} aria-hidden />}>
          {connect.how}
        </ButtonLink>
      </div>
    </Card>
  );
}
