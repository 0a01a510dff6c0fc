/** A choice that this browser remembers: how tables look, and the like. Never anything secret. */
import { useState } from 'react'

export function useRemembered<Value extends object>(
  name: string,
  first: Value,
): readonly [Value, (value: Value) => void] {
  const [value, setValue] = useState<Value>(() => {
    try {
      return { ...first, ...(JSON.parse(localStorage.getItem(name) ?? '{}') as Value) }
    } catch {
      return first
    }
  })
  return [
    value,
    (chosen) => {
      localStorage.setItem(name, JSON.stringify(chosen))
      setValue(chosen)
    },
  ]
}
