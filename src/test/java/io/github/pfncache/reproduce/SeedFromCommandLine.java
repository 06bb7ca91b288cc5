package io.github.pfncache.reproduce;

import net.jqwik.api.lifecycle.AroundPropertyHook;
import net.jqwik.api.lifecycle.PropagationMode;
import net.jqwik.api.lifecycle.PropertyExecutionResult;
import net.jqwik.api.lifecycle.PropertyExecutor;
import net.jqwik.api.lifecycle.PropertyLifecycleContext;

/**
 * Reproduces a failed property: {@code mvn test -Dtest=CacheModelTest -Dproperty.seed=4711} runs it with the seed that
 * its report names. Registered for all properties as a service.
 */
public final class SeedFromCommandLine implements AroundPropertyHook {

    /** Name of the system property that gives the seed. */
    static final String SEED = "property.seed";

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
        if (seed != null) {
            context.attributes().setSeed(seed);
        }
        return property.execute();
    }
}
