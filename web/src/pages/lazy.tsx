// A page or tab whose code comes when it is first shown.
import type { FunctionComponent } from 'preact';
import { Loading, Failure } from '../components/states';
import { useLoad } from '../load';

export function lazy<P extends object>(name: string, load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
	let known: FunctionComponent<P> | undefined;
	return function Lazy(props: P) {
		const loaded = useLoad(`code of ${name}`, async () => ({ view: (known ??= await load()) }));
		const View = known ?? loaded.data?.view;
		if (View) return <View {...props} />;
		return loaded.error ? <Failure error={loaded.error} retry={loaded.reload} /> : <Loading />;
	};
}
