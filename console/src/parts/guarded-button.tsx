/** A button for what needs a right. Without the right it stays where it is, disabled, and says which one is missing. */
import Button, { type ButtonProps } from '@cloudscape-design/components/button'
import { useRight, useRights } from '../api/rights.ts'
import { useText } from '../i18n/index.tsx'

export type Guard = {
  /** The right it takes: `kms:ScheduleKeyDeletion`. */
  readonly right: string
  readonly keyId?: string | undefined
  /** Another reason why it cannot be pressed, such as the state of the key. Said first. */
  readonly why?: string | false | undefined
}

/** Why something is not to be had, in words; undefined where it is. */
export function useObstacle({ right, keyId, why }: Guard): string | undefined {
  const text = useText()
  const allowed = useRight(right, keyId)
  if (why) return why
  return allowed === false ? text.app.missingRight(right) : undefined
}

/** For menus: asks for all rights of its entries, and tells the obstacle of each. */
export function useObstacles<Right extends string>(
  rights: readonly Right[],
  keyId?: string,
): (right: Right, why?: string | false) => string | undefined {
  const text = useText()
  const allowed = useRights(rights, keyId)
  return (right, why) => why || (allowed.get(right) === false ? text.app.missingRight(right) : undefined)
}

export function GuardedButton({ right, keyId, why, disabled, ...button }: Guard & Omit<ButtonProps, 'disabledReason'>) {
  const obstacle = useObstacle({ right, keyId, why })
  if (obstacle === undefined) return <Button {...button} disabled={disabled ?? false} />
  // A link that cannot be followed would still be a link.
  const { href: _, ...plain } = button
  return <Button {...plain} disabled disabledReason={obstacle} />
}
