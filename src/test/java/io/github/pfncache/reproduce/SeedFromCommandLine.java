package io.github.pfncache.reproduce;

import net.jqwik.api.lifecycle.AroundPropertyHook;
import net.jqwik.api.lifecycle.PropagationMode;
import net.jqwik.api.lifecycle.PropertyExecutionResult;
import net.jqwik.api.lifecycle.PropertyExecutor;
import net.jqwik.api.lifecycle.PropertyLifecycleContext;

/**
 * Gives all properties the seed that the build names, so that each build tries the same values. Reproduces a failure:
 * {@code mvn test -Dtest=CacheModelTest -Dproperty.seed=4711} runs a property with the seed that its report names.
 * Registered for all properties as a service.
 */
public final class SeedFromCommandLine implements AroundPropertyHook {

    /** Name of the system property that gives the seed; without it, each run has another one. */
    static final String SEED = "property.seed";

    /** The same, of a build: a profile cannot take a property away. */
    private static final String OTHER_EACH_TIME = "random";

    @Override
    public PropagationMode propagateTo() {
        return PropagationMode.ALL_DESCENDANTS;
    }

    /** Before all other hooks: the attributes are read when the property begins. */
    @Override
    public int aroundPropertyProximity() {
        return -100;
    }

    @Override
    public PropertyExecutionResult aroundProperty(PropertyLifecycleContext context, PropertyExecutor property) {
        String seed = System.getProperty(SEED);
        if (seed != null && !seed.equals(OTHER_EACH_TIME)) {
            context.attributes().setSeed(seed);
        }
        return property.execute();
    }
}
