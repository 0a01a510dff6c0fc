/** A screen that breaks takes nothing else with it. */
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import { Component, type ReactNode } from 'react'
import { useText } from '../i18n/index.tsx'

type Props = { readonly children: ReactNode; readonly place: string }
type State = { readonly error?: unknown; readonly place: string }

export class ErrorBoundary extends Component<Props, State> {
  override state: State = { place: this.props.place }

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error }
  }

  /** Another place is another try. */
  static getDerivedStateFromProps(props: Props, state: State): State | null {
    return props.place === state.place ? null : { place: props.place, error: undefined }
  }

  override render() {
    return this.state.error === undefined ? this.props.children : <Broken error={this.state.error} />
  }
}

export function Broken({ error }: { readonly error: unknown }) {
  const text = useText()
  return (
    <Alert
      type="error"
      header={text.app.broken}
      action={<Button onClick={() => location.reload()}>{text.app.reload}</Button>}
    >
      {error instanceof Error ? error.message : String(error)}
    </Alert>
  )
}
