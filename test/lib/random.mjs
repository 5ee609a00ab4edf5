// Chance that can be had again: everything a test draws comes from one seed, which it prints.
export class Random {
	constructor(seed) {
		this.state = seed >>> 0;
	}

	static from_env(name) {
		const seed = process.env[name] ? Number(process.env[name]) : Math.floor(Math.random() * 2 ** 32);
		console.log(`# ${name}=${seed}`);
		return new Random(seed);
	}

	/// mulberry32
	fraction() {
		this.state = (this.state + 0x6d2b79f5) >>> 0;
		let t = this.state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	}

	/// low ≤ result ≤ high
	between(low, high) {
		return low + Math.floor(this.fraction() * (high - low + 1));
	}

	pick(list) {
		return list[this.between(0, list.length - 1)];
	}

	/// One of the names of {name: weight, …}.
	weighted(weights) {
		let left = this.fraction() * Object.values(weights).reduce((a, b) => a + b, 0);
		for (const [name, weight] of Object.entries(weights)) if ((left -= weight) < 0) return name;
		return Object.keys(weights)[0];
	}
}
